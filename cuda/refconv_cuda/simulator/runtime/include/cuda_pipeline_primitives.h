// Here so that refused.py sees the name; what it declares is not simulated.
#error "<cuda_pipeline_primitives.h> is not simulated"
