// Ends a function in an ELF object.
    .size {function}, . - {function}
