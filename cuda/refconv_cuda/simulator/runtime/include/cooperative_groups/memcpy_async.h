// Here so that refused.py sees the name; what it declares is not simulated.
#error "<cooperative_groups/memcpy_async.h> is not simulated"
