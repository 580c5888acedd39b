"""Sources with checks, versioned tables, profiles and features."""
