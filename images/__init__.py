"""What is inside a box. The files here are copied into images; only their text is used on the host."""
