// CUDA's <cuda.h>, the driver's interface: a kernel that includes it uses nothing of it.
#pragma once
#include "../cuda_words.h"
