"""Data for a model of scikit-learn's, which docs/models.md makes."""

from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

x, y = load_diabetes(return_X_y=True)
y = y / 100
