// Arithmetic: the functions that CUDA has without any #include.
#pragma once
#include "bits.h"
#include "bytes.h"
#include "conversions.h"
#include "integers.h"
#include "maths.h"
#include "rounding.h"
