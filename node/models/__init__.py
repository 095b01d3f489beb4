"""Model backends behind one interface: `base` says what one is, `registry` finds them."""
