// Ends a function of ours in an ELF object.
    .size {function}, . - {function}
