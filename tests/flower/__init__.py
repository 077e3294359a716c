"""Our federated loop beside Flower's own, in an environment of its own: `make check-flower`."""
