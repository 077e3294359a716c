"""Federated training: clients train on data that stays with them, a server averages what they send."""
