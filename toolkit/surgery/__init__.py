"""Models made out of other models: smaller ones, and mixtures of experts."""
