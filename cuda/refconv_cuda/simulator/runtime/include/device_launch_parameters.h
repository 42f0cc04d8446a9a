// CUDA's <device_launch_parameters.h>: threadIdx and its like, which the words have already.
#pragma once
#include "../cuda_words.h"
