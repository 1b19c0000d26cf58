"""Function-call tools for the model."""
