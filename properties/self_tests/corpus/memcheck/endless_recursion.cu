// A walk through a binary tree takes 0 for a child, where it stands for none, and comes back to the root.
// launch: grid=(1,) block=(1,)
// args: left:int32[7]=(2*arange+1)*(arange<3) right:int32[7]=(2*arange+2)*(arange<3) visits:int32[7]=zeros
// expect: KernelTrap "stack overflow"
// threads: (0,0,0)
// result: visits = np.ones(7)
__device__ void visit(const int* left, const int* right, volatile int* visits, int node) {
    visits[node] += 1;
#ifdef FAULTY
    const int none = -1;
#else
    const int none = 0;
#endif
    if (left[node] != none) visit(left, right, visits, left[node]);
    if (right[node] != none) visit(left, right, visits, right[node]);
}
__global__ void endless_recursion(const int* left, const int* right, int* visits) { visit(left, right, visits, 0); }
