"""From scheduled kernels to a shared library: LLVM objects, the memory plan, the entry point."""
