"""What both ends of a box speak: values (`codec`) and messages (`frames`). The one part that the images share."""
