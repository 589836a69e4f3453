"""How networks learn: objectives, the step, the loop, saving."""
