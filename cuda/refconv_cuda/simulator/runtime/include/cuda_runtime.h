// CUDA's <cuda_runtime.h>: its device part, which the words are.
#pragma once
#include "../cuda_words.h"
