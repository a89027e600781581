/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of exporters that become one operator, factors that go into weights, and what is left alone. */
#include <math.h>

#include "build.h"

#define SHAPE WHET_SHAPE(2, 3, 4, 5)
#define BEGIN(name)                                                                                                 \
    small t, *s = &t;                                                                                               \
    small_begin(s, name, WHET_F64, SHAPE);                                                                          \
    const whet_vid x = OP("Mul", s->x, small_const(s, WHET_SHAPE(5))) /* one node before, so that x is a result */
#define NUM(v) small_scalar(s, v)

static whet_vid clip6(small *s, whet_vid x) { return OP("Clip", OP("Add", x, NUM(3)), NUM(0), NUM(6)); }

static void gates(void **state)
{
    (void)state;
    const whet_attr sixth = whet_attr_float("alpha", 1.0f / 6);
    { BEGIN("silu"); small_expect(s, OP("Mul", x, OP("Sigmoid", x)), "Swish", 2); }
    { BEGIN("silu, other order"); small_expect(s, OP("Mul", OP("Sigmoid", x), x), "Swish", 2); }
    { BEGIN("hard swish"); small_expect(s, OP("Mul", x, small_op(s, "HardSigmoid", WHET_IN(x), 1, &sixth)), "HardSwish", 2); }
    { BEGIN("hard swish, divided last"); small_expect(s, OP("Div", OP("Mul", x, clip6(s, x)), NUM(6)), "HardSwish", 2); }
    { BEGIN("hard swish, divided first"); small_expect(s, OP("Mul", x, OP("Div", clip6(s, x), NUM(6))), "HardSwish", 2); }
    { BEGIN("hard swish, times a sixth"); small_expect(s, OP("Mul", OP("Mul", clip6(s, x), NUM(1.0 / 6)), x), "HardSwish", 2); }
    { BEGIN("hard sigmoid"); small_expect(s, OP("Div", clip6(s, x), NUM(6)), "HardSigmoid", 2); }
    { BEGIN("mish"); small_expect(s, OP("Mul", x, OP("Tanh", OP("Softplus", x))), "Mish", 2); }
    { BEGIN("another's gate"); small_expect(s, OP("Mul", s->x, OP("Sigmoid", x)), "Sigmoid", 3); }
    { BEGIN("gate read twice"); const whet_vid g = OP("Sigmoid", x); small_expect(s, OP("Add", OP("Mul", x, g), g), "Sigmoid", 4); }
    { BEGIN("clip of another range");
      small_expect(s, OP("Div", OP("Mul", x, OP("Clip", OP("Add", x, NUM(3)), NUM(0), NUM(5))), NUM(6)), "Clip", 5); }
}

static void gelu(void **state)
{
    (void)state;
    const double r = sqrt(2), k = 0.7978845608028654;
    { BEGIN("gelu, halved last");
      small_expect(s, OP("Mul", OP("Mul", x, OP("Add", OP("Erf", OP("Div", x, NUM(r))), NUM(1))), NUM(0.5)), "Gelu", 2); }
    { BEGIN("gelu, gate halved");
      small_expect(s, OP("Mul", x, OP("Mul", NUM(0.5), OP("Add", OP("Erf", OP("Div", x, NUM(r))), NUM(1)))), "Gelu", 2); }
    { BEGIN("gelu, x halved");
      small_expect(s, OP("Mul", OP("Mul", x, NUM(0.5)), OP("Add", NUM(1), OP("Erf", OP("Mul", x, NUM(1 / r))))), "Gelu", 2); }
    { BEGIN("gelu, erf halved");
      small_expect(s, OP("Mul", OP("Add", OP("Mul", OP("Erf", OP("Mul", x, NUM(1 / r))), NUM(0.5)), NUM(0.5)), x), "Gelu", 2); }
    { BEGIN("gelu of another width");
      small_expect(s, OP("Mul", OP("Mul", x, OP("Add", OP("Erf", OP("Div", x, NUM(1.5))), NUM(1))), NUM(0.5)), "Erf", 6); }
    { BEGIN("tanh gelu, power");
      const whet_vid u = OP("Add", x, OP("Mul", NUM(0.044715), OP("Pow", x, NUM(3))));
      small_expect(s, OP("Mul", OP("Mul", x, NUM(0.5)), OP("Add", OP("Tanh", OP("Mul", NUM(k), u)), NUM(1))), "Gelu", 2); }
    { BEGIN("tanh gelu, products");
      const whet_vid u = OP("Add", OP("Mul", OP("Mul", OP("Mul", x, x), x), NUM(0.044715)), x);
      small_expect(s, OP("Mul", NUM(0.5), OP("Mul", x, OP("Add", NUM(1), OP("Tanh", OP("Mul", u, NUM(k)))))), "Gelu", 2); }
}

static whet_vid mean(small *s, whet_vid x) { return OP("ReduceMean", x, SMALL_INTS(s, -1)); }

static whet_vid quotient(small *s, whet_vid x, bool power)
{
    const whet_vid d = OP("Sub", x, mean(s, x));
    const whet_vid v = OP("Add", mean(s, power ? OP("Pow", d, NUM(2)) : OP("Mul", d, d)), NUM(1e-3));
    return OP("Div", d, OP("Sqrt", v));
}

static void layer_norm(void **state)
{
    (void)state;
    const whet_shape c = WHET_SHAPE(5), wide = WHET_SHAPE(4, 5);
    { BEGIN("layer norm"); small_expect(s, OP("Add", OP("Mul", quotient(s, x, true), small_const(s, c)), small_const(s, c)), "LayerNormalization", 2); }
    { BEGIN("layer norm, product"); small_expect(s, OP("Mul", small_const(s, c), quotient(s, x, false)), "LayerNormalization", 2); }
    { BEGIN("layer norm, wide scale"); small_expect(s, OP("Mul", small_const(s, wide), quotient(s, x, true)), "Sqrt", 9); }
}

static void pool(void **state)
{
    (void)state;
    const whet_attr drop = whet_attr_int("keepdims", 0);
    { BEGIN("mean"); small_expect(s, OP("ReduceMean", x, SMALL_INTS(s, -1, 2)), "GlobalAveragePool", 2); }
    { BEGIN("mean, axes gone"); small_expect(s, small_op(s, "ReduceMean", WHET_IN(x, SMALL_INTS(s, 2, 3)), 1, &drop), "GlobalAveragePool", 3); }
    { BEGIN("mean of channels"); small_expect(s, OP("ReduceMean", x, SMALL_INTS(s, 1, 2)), "ReduceMean", 2); }
}

static whet_vid matmul(small *s, whet_vid x, int n) { return OP("MatMul", x, small_const(s, WHET_SHAPE(5, n))); }
static whet_vid conv(small *s, whet_vid x, int n, bool bias)
{
    return bias ? OP("Conv", x, small_const(s, WHET_SHAPE(n, 3, 3, 3)), small_const(s, WHET_SHAPE(n))) : OP("Conv", x, small_const(s, WHET_SHAPE(n, 3, 3, 3)));
}

static void scales(void **state)
{
    (void)state;
    { BEGIN("layer scale");
      small_expect(s, OP("Mul", OP("Add", matmul(s, x, 7), small_const(s, WHET_SHAPE(7))), small_const(s, WHET_SHAPE(7))), "whet.FusedMatMul", 2); }
    { BEGIN("layer scale behind a transposition");
      const whet_vid y = TRANSPOSE(OP("Add", matmul(s, x, 7), small_const(s, WHET_SHAPE(7))), 0, 3, 1, 2);
      small_expect(s, OP("Mul", y, small_const(s, WHET_SHAPE(1, 7, 1, 1))), "whet.FusedMatMul", 3); }
    { BEGIN("scalar"); small_expect(s, OP("Mul", NUM(0.25), matmul(s, x, 7)), "MatMul", 2); }
    { BEGIN("scalar behind a bias");
      small_expect(s, OP("Mul", OP("Add", matmul(s, x, 7), small_const(s, WHET_SHAPE(7))), NUM(0.25)), "whet.FusedMatMul", 2); }
    { BEGIN("convolution"); small_expect(s, OP("Mul", conv(s, x, 7, true), small_const(s, WHET_SHAPE(7, 1, 1))), "Conv", 2); }
    { BEGIN("convolution, no bias"); small_expect(s, OP("Mul", conv(s, x, 7, false), small_const(s, WHET_SHAPE(1, 7, 1, 1))), "Conv", 2); }
    { BEGIN("another axis"); small_expect(s, OP("Mul", conv(s, x, 3, true), small_const(s, WHET_SHAPE(1, 1, 2, 1))), "Conv", 3); }
    { BEGIN("read twice"); const whet_vid y = matmul(s, x, 4); small_expect(s, OP("Sub", OP("Mul", y, small_const(s, WHET_SHAPE(4))), y), "MatMul", 4); }
    { BEGIN("grows"); const whet_vid y = OP("ReduceMean", matmul(s, x, 1), SMALL_INTS(s, -1)); small_expect(s, OP("Mul", y, small_const(s, WHET_SHAPE(4))), "MatMul", 4); }
}

static void fusion(void **state)
{
    (void)state;
    const whet_shape c = WHET_SHAPE(7);
    { BEGIN("bias, activation"); small_expect(s, OP("Relu", OP("Add", small_const(s, c), matmul(s, x, 7))), "whet.FusedMatMul", 2); }
    { BEGIN("bias of two axes"); small_expect(s, OP("Sigmoid", OP("Add", matmul(s, x, 7), small_const(s, WHET_SHAPE(1, 7)))), "whet.FusedMatMul", 2); }
    { BEGIN("residual"); small_expect(s, OP("Add", x, OP("Add", matmul(s, s->x, 5), small_const(s, WHET_SHAPE(5)))), "whet.FusedMatMul", 2); }
    { BEGIN("residual, activation"); small_expect(s, OP("Tanh", OP("Add", OP("Add", matmul(s, s->x, 5), small_const(s, WHET_SHAPE(5))), x)), "whet.FusedMatMul", 2); }
    { BEGIN("activation, residual"); small_expect(s, OP("Add", OP("HardSwish", OP("Add", matmul(s, s->x, 5), small_const(s, WHET_SHAPE(5)))), x), "whet.FusedMatMul", 2); }
    { BEGIN("matrix for a bias"); small_expect(s, OP("Add", matmul(s, x, 7), small_const(s, WHET_SHAPE(4, 7))), "MatMul", 3); }
    { BEGIN("convolution, silu"); const whet_vid y = conv(s, x, 4, true); small_expect(s, OP("Mul", y, OP("Sigmoid", y)), "whet.FusedConv", 2); }
    { BEGIN("convolution, slow swish");
      const whet_attr two = whet_attr_float("alpha", 2); small_expect(s, small_op(s, "Swish", WHET_IN(conv(s, x, 4, true)), 1, &two), "Swish", 3); }
    { BEGIN("convolution, hard sigmoid"); small_expect(s, OP("HardSigmoid", conv(s, x, 4, true)), "whet.FusedConv", 2); }
    { BEGIN("convolution, open clip"); small_expect(s, OP("Clip", conv(s, x, 4, true), NUM(-0.25)), "whet.FusedConv", 2); }
    { BEGIN("gemm, gelu");
      const whet_vid y = OP("Gemm", RESHAPE(x, 24, 5), small_const(s, WHET_SHAPE(5, 7)), small_const(s, c));
      small_expect(s, OP("Gelu", y), "whet.FusedGemm", 3); }
}

/* A residual behind a product that goes back to NCHW: the sum joins the product, transpositions that undo each other go. */
static void transposes(void **state)
{
    (void)state;
    { BEGIN("block");
      const whet_vid m = OP("Add", OP("MatMul", TRANSPOSE(x, 0, 2, 3, 1), small_const(s, WHET_SHAPE(3, 3))), small_const(s, WHET_SHAPE(3)));
      whet_graph *g = small_finish(s, OP("Add", TRANSPOSE(m, 0, 3, 1, 2), x));
      assert_int_equal(small_count(g, "Add"), 0);
      assert_int_equal(small_count(g, "whet.FusedMatMul"), 1);
      whet_graph_free(g); }
    { BEGIN("there and back"); small_expect(s, TRANSPOSE(OP("Relu", TRANSPOSE(TRANSPOSE(x, 0, 2, 3, 1), 0, 3, 1, 2)), 3, 2, 1, 0), "Transpose", 3); }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gates),  cmocka_unit_test(gelu),   cmocka_unit_test(layer_norm), cmocka_unit_test(pool),
                                       cmocka_unit_test(scales), cmocka_unit_test(fusion), cmocka_unit_test(transposes)};
    return cmocka_run_group_tests_name("patterns", tests, NULL, NULL);
}
