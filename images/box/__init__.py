"""The programs of a box, copied into its image as they stand, with `sandbox.wire`: below /box, under the same names."""
