"""Schedule templates: one file for each shape of kernel."""
