"""Evaluate: is a built model's answer the right one, what does it answer to your inputs, how good is it."""

from __future__ import annotations

from edgekit.evaluate.agreement import Agreement, Answers, agreement
from edgekit.evaluate.assess import assess, material
from edgekit.evaluate.evaluation import Cost, Evaluated, Evaluation, Kind, Scoring
from edgekit.evaluate.first_difference import OperatorDifference
from edgekit.evaluate.labels import read_labels
from edgekit.evaluate.predict import predict_bundle
from edgekit.evaluate.real_numbers import Form, manifest_form
from edgekit.evaluate.run import run_bundle
from edgekit.evaluate.scores import ClassificationScores, RegressionScores, Scores, Task, score
from edgekit.evaluate.subjects import Answered, FloatSubject, OracleSubject, Subject
from edgekit.evaluate.tensor_files import load_tensors, save_tensors
from edgekit.evaluate.verify import OutputDifference, Verification, verify_bundle

__all__ = [
    "Agreement",
    "Answered",
    "Answers",
    "ClassificationScores",
    "Cost",
    "Evaluated",
    "Evaluation",
    "FloatSubject",
    "Form",
    "Kind",
    "OperatorDifference",
    "OracleSubject",
    "OutputDifference",
    "RegressionScores",
    "Scores",
    "Scoring",
    "Subject",
    "Task",
    "Verification",
    "agreement",
    "assess",
    "load_tensors",
    "manifest_form",
    "material",
    "predict_bundle",
    "read_labels",
    "run_bundle",
    "save_tensors",
    "score",
    "verify_bundle",
]
