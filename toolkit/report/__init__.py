"""What people read: the terminal, pages, figures, annotations."""
