"""The flights project's own helpers: sources, cleaning, memory, features, split, leakage and charts.

Plain functions with tests. The notebooks import them, and so does the model server: what turns a raw
row into features is the same code in training and in serving.
"""
