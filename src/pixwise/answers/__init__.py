"""What answers are made of: columns, cells, maps, mattes."""
