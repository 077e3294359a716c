"""Recursive rounds under gates."""
