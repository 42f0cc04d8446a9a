"""Speed, measured and reported."""
