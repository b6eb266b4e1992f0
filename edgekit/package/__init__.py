"""Package: code, header, runner and golden vectors into one bundle."""
