"""Static pages for sharing, composed from what the reports say."""
