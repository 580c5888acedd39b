"""Labels and the prediction log: which predictions people are asked about, and labels as ground truth."""
