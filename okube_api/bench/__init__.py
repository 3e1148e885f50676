"""What fast means: the product beside what people would use in its place, on the same rows, in the same run."""
