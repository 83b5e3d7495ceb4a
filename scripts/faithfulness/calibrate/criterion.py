"""When a measure counts as calibrated."""

LEAST_AREA = 0.9  # area under the ROC curve between two readers that the measure must separate
