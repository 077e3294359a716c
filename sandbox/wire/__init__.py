"""What both ends of a box share: values (`codec`), messages (`frames`), and how variables are read (`environment`)."""
