"""What a notebook holds while it runs, and what stays of it: runs, models, reports."""
