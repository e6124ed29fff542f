"""The systems that the paper compares itself with, section 2, on the same cases and with the same scores."""
