// Here so that refused.py sees the name; what it declares is not simulated.
#error "<cudaTypedefs.h> is not simulated"
