// Ends a function of ours in a Mach-O object, which has no sizes.
