// An array that is one float too short for its last struct of three.
// launch: grid=(1,) block=(8,)
// args: x:float32[26]=arange y:float32[8]=zeros
// expect: OutOfBounds "out-of-bounds read" array=x element=26
// threads: (7,0,0)
// covers: off-by-one read past the end
// result: y = x[:24].reshape(8, 3).sum(1)
struct Point {
    float x, y, z;
};
__global__ void struct_past_the_end(const float* x, float* y) {
#ifdef FAULTY
    const int header = 3;
#else
    const int header = 0;
#endif
    const Point* points = reinterpret_cast<const Point*>(x + header);
    Point p = points[threadIdx.x];  // HERE
    y[threadIdx.x] = p.x + p.y + p.z;
}
