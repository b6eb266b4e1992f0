"""What tests build on: models made on the fly, random nets, exact comparison. Imported by tests only."""
