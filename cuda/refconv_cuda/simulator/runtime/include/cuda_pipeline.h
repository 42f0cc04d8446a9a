// Here so that refused.py sees the name; what it declares is not simulated.
#error "<cuda_pipeline.h> is not simulated"
