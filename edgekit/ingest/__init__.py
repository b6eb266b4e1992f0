"""Readers of model files. They know formats, and nothing of operators' arithmetic or of targets."""
