"""How fast EdgeKit is beside what a user has now. Speed lives here, never in a test."""
