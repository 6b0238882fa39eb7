"""Networks: tensors in, tensors out. They know nothing of clips, files or folds."""
