"""What a finished run is on disk."""
