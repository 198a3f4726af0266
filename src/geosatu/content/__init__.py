"""What somebody gives as a feature's content -> what is kept of it, or why it cannot be."""
