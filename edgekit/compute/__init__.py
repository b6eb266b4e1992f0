"""Integer kernels as tensor expressions: what is computed, never how it is scheduled.

The vocabulary that `lower` and `schedule` share. Arithmetic follows TFLite Micro's reference kernels.
"""
