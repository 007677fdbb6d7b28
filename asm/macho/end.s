// Ends a function in a Mach-O object, which has no sizes.
