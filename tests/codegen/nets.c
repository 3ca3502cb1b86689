/* The networks. Channels go through 1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 33, 64, 65 and 513: every size
 * of panel, full groups, last groups of each width, and their tails. */
#include "nets.h"

#include <stdio.h>
#include <string.h>

#define SOFTMAX(n) "Dense(" #n ", activation='softmax'), "
#define HEAD(n)    "Flatten(), " SOFTMAX(n)
#define CONV(name, shape, layer, batch)                                                            \
    { name, shape, layer ", Flatten(), Dense(3, activation='softmax'), ", NULL, batch, 0.0 }
#define GRAPH(name, shape, body, batch, tolerance)                                                 \
    {                                                                                              \
        name, shape, body "x = Dense(3, activation='softmax')(Flatten()(x))\n", NULL, batch,       \
            tolerance                                                                              \
    }

const Net nets[] = {
    /* channels of a convolution, in and out, with each activation */
    CONV("conv1", "(5, 5, 1)", "Conv2D(1, 3), Conv2D(2, 2, activation='relu')", 7),
    CONV("conv2", "(6, 5, 2)", "Conv2D(3, 3, activation='tanh'), Conv2D(4, 2)", 4),
    CONV("conv5", "(7, 7, 5)", "Conv2D(5, 3, activation='sigmoid'), Conv2D(8, 3)", 3),
    CONV("conv9", "(7, 9, 8)", "Conv2D(9, 3, activation='relu'), Conv2D(16, 3)", 9),
    CONV("conv17", "(6, 6, 9)", "Conv2D(17, 3, activation='tanh'), Conv2D(31, 3)", 5),
    CONV("conv33", "(5, 8, 16)", "Conv2D(33, 3, activation='sigmoid'), Conv2D(17, 3)", 2),
    CONV("conv64", "(6, 5, 33)", "Conv2D(64, 3, activation='relu'), Conv2D(33, 2)", 3),
    CONV("conv65", "(4, 5, 31)", "Conv2D(65, 2, activation='relu'), Conv2D(31, 2)", 6),
    CONV("conv513", "(4, 4, 4)", "Conv2D(513, 2), Conv2D(5, 2, use_bias=False)", 3),
    CONV("wide_map", "(3, 61, 3)", "Conv2D(12, 3, padding='same', activation='relu')", 2),
    CONV("tall_map", "(61, 3, 3)", "Conv2D(12, 3, padding='same', activation='relu')", 2),
    CONV("odd_map", "(13, 29, 3)", "Conv2D(40, 3, activation='relu'), Conv2D(6, 5)", 2),
    /* more pixels than stay near: bands of rows with all channels */
    CONV("bands", "(48, 48, 16)",
         "Conv2D(72, 1, activation='relu'), Conv2D(33, 3, strides=2, padding='same')", 2),
    CONV("bands_pooled", "(48, 46, 16)", "Conv2D(40, 3, activation='relu'), MaxPooling2D(2)", 2),
    /* maps of all samples leave a cache: four samples at a time, then three */
    CONV("rounds", "(60, 60, 3)", "Conv2D(32, 3, activation='relu'), AveragePooling2D(4)", 7),
    /* in phases: one sample at a time, then more, then all; an image with zeros around it and an
       addend go from one to the next */
    GRAPH("phases", "(160, 160, 3)",
          "x = Conv2D(16, 1, activation='tanh')(x)\n"
          "x = Add()([DepthwiseConv2D(3, padding='same')(x), x])\n"
          "x = Conv2D(16, 8, strides=8)(x)\n"
          "y = Conv2D(128, 3, padding='same', activation='tanh')(x)\n"
          "x = Add()([Conv2D(128, 3, padding='same')(x), y])\n"
          "x = Conv2D(512, 3, activation='tanh')(AveragePooling2D(4)(x))\n"
          "x = Dense(256, activation='tanh')(Flatten()(x))\n",
          11, 1e-4),
    /* one channel to few: vectors of pixels, a row that ends within one, an odd row, too few */
    CONV("pixels", "(12, 37, 1)", "Conv2D(6, 5, activation='tanh'), AveragePooling2D(2)", 3),
    CONV("pixels_5x5", "(12, 37, 1)",
         "Conv2D(6, (5, 4), padding='same', dilation_rate=(1, 3), activation='tanh'), "
         "AveragePooling2D(2)",
         3),
    CONV("pixels_5x5_max", "(8, 18, 1)",
         "Conv2D(8, 5, padding='same', use_bias=False), MaxPooling2D(2)", 3),
    CONV("pixels_5x5_four", "(20, 32, 1)", "Conv2D(3, 5), Conv2D(4, 2, activation='relu')", 2),
    CONV("pixels_odd", "(11, 13, 1)",
         "Conv2D(8, 3, padding='same', dilation_rate=(1, 2), activation='relu')", 2),
    CONV("pixels_max", "(9, 24, 1)",
         "Conv2D(5, (2, 3), strides=(2, 1), use_bias=False), MaxPooling2D(2)", 3),
    CONV("pixels_few", "(7, 5, 1)", "Conv2D(3, 3, activation='sigmoid'), AveragePooling2D(2)", 2),
    /* a max pooling behind a convolution of few channels to many: gradients by windows */
    CONV("routes", "(9, 11, 3)",
         "Conv2D(8, 1, activation='relu'), Conv2D(64, 3, activation='relu'), MaxPooling2D(2)", 9),
    CONV("routes_same", "(7, 6, 3)",
         "Conv2D(5, 1), Conv2D(80, (2, 5), padding='same', use_bias=False), MaxPooling2D(2)", 5),
    CONV("routes_large", "(9, 8, 2)",
         "Conv2D(8, 1), Conv2D(128, 5, activation='relu'), MaxPooling2D(2)", 3),
    GRAPH("routes_addend", "(6, 7, 3)",
          "s = Conv2D(4, 1, activation='relu')(x)\n"
          "x = MaxPooling2D(2)(Conv2D(64, (3, 2), activation='relu')(s))\n"
          "x = Concatenate()([Flatten()(s), Flatten()(x)])\n",
          4, 0.0),
    /* to few, whose vectors are runs of the image: with a narrower vector, floats, a panel's rest
     */
    CONV("runs", "(9, 11, 3)", "Conv2D(8, 3, activation='relu'), MaxPooling2D(2)", 9),
    CONV("runs_same", "(8, 9, 2)",
         "Conv2D(6, (2, 5), padding='same', use_bias=False), MaxPooling2D(2)", 5),
    CONV("runs_wide", "(9, 10, 4)", "Conv2D(20, (3, 5), activation='relu'), MaxPooling2D(2)", 3),
    /* strides, dilation, padding, kernels of every kind */
    CONV("stride2", "(11, 12, 3)", "Conv2D(8, 3, strides=2), Conv2D(9, 3, strides=2)", 5),
    CONV("stride_same", "(11, 12, 5)",
         "Conv2D(6, 3, strides=2, padding='same'), Conv2D(17, 2, strides=3, padding='same')", 4),
    CONV("stride_over_kernel", "(13, 14, 3)", "Conv2D(4, 2, strides=3), Conv2D(9, 1, strides=2)",
         3),
    CONV("stride_mixed", "(12, 11, 4)", "Conv2D(9, (3, 2), strides=(1, 2)), Conv2D(5, (1, 3))", 3),
    CONV("dilated", "(13, 12, 3)",
         "Conv2D(9, 3, dilation_rate=2), Conv2D(8, 3, dilation_rate=(1, 2))", 4),
    CONV("dilated_same", "(9, 9, 8)",
         "Conv2D(17, 3, dilation_rate=(2, 3), padding='same', activation='tanh')", 3),
    CONV("even_same", "(7, 6, 3)", "Conv2D(5, 4, padding='same'), Conv2D(8, 2, padding='same')", 3),
    CONV("same_grad", "(6, 7, 4)",
         "Conv2D(20, 3, padding='same', activation='relu'), Conv2D(9, 5, padding='same', "
         "activation='sigmoid'), Conv2D(3, 3, padding='same')",
         4),
    CONV("pointwise", "(5, 7, 9)", "Conv2D(33, 1, activation='relu'), Conv2D(16, 1)", 5),
    CONV("one_pixel", "(1, 1, 17)", "Conv2D(33, 1, activation='relu'), Conv2D(4, 1)", 11),
    CONV("one_output", "(5, 5, 6)", "Conv2D(65, 5, activation='tanh')", 10),
    CONV("one_pixel_same", "(1, 1, 5)", "Conv2D(9, 3, padding='same')", 4),
    CONV("one_row", "(1, 30, 4)", "Conv2D(8, (1, 5), activation='relu'), Conv2D(5, (1, 2))", 3),
    CONV("zero_padding", "(5, 6, 3)",
         "ZeroPadding2D(((1, 2), (0, 3))), Conv2D(6, 3, activation='relu'), ZeroPadding2D(1), "
         "ReLU(), Conv2D(5, 3)",
         4),
    CONV("pool_padding", "(7, 6, 3)",
         "Conv2D(5, 2, activation='relu'), ZeroPadding2D(1), MaxPooling2D(3, strides=2), "
         "Conv2D(9, 1), ZeroPadding2D(1), MaxPooling2D(2)",
         4),
    CONV("no_conv_padding", "(4, 5, 9)", "ZeroPadding2D(2)", 3),
    /* channels in groups: depthwise, whole panels, parts of panels, and groups of odd sizes */
    CONV("depthwise", "(7, 9, 5)",
         "DepthwiseConv2D(3), DepthwiseConv2D(3, padding='same', activation='relu'), "
         "DepthwiseConv2D((2, 3), strides=2, padding='same', use_bias=False)",
         5),
    CONV("depthwise_wide", "(21, 23, 4)",
         "Conv2D(33, 1), DepthwiseConv2D(3, dilation_rate=2, padding='same', activation='tanh'), "
         "DepthwiseConv2D(5, strides=3, padding='same'), MaxPooling2D(2)",
         3),
    /* rows in blocks: a first, some between, a last that overlaps; more channels than a block has
     */
    CONV("depthwise_rows", "(12, 37, 4)",
         "Conv2D(84, 1), DepthwiseConv2D(3, padding='same', activation='relu'), "
         "DepthwiseConv2D(5, strides=2, padding='same'), DepthwiseConv2D((3, 4), use_bias=False)",
         2),
    CONV("depthwise_many", "(6, 7, 3)",
         "DepthwiseConv2D(3, depth_multiplier=3, padding='same'), "
         "DepthwiseConv2D(2, depth_multiplier=16, activation='relu'), DepthwiseConv2D(4, "
         "padding='same')",
         4),
    CONV("depthwise_one", "(1, 30, 1)",
         "DepthwiseConv2D((1, 7), depth_multiplier=2, padding='same')", 3),
    CONV("separable", "(8, 9, 3)",
         "SeparableConv2D(17, 3, padding='same', activation='relu'), SeparableConv2D(9, 3, "
         "strides=2)",
         4),
    CONV("groups", "(7, 8, 12)",
         "Conv2D(16, 3, groups=4, activation='relu'), Conv2D(32, 3, groups=4, strides=2, "
         "padding='same'), Conv2D(32, 2, groups=8)",
         5),
    CONV("groups_large", "(6, 7, 32)",
         "Conv2D(96, 3, groups=2, padding='same', activation='relu'), Conv2D(64, 3, groups=2, "
         "strides=2, padding='same'), Conv2D(48, 2, groups=2, dilation_rate=2, padding='same')",
         3),
    CONV("groups_winograd", "(9, 10, 32)",
         "Conv2D(32, 3, groups=2, padding='same', use_bias=False), Conv2D(160, 3, groups=2, "
         "activation='relu'), MaxPooling2D(2), Conv2D(48, 2, groups=2, padding='same')",
         3),
    CONV("groups_odd", "(6, 6, 9)",
         "Conv2D(15, 3, groups=3, padding='same', activation='sigmoid'), Conv2D(12, 2, groups=3), "
         "Conv2D(33, (2, 1), groups=3, strides=(1, 2))",
         5),
    /* transposed: the input gradient used forward */
    CONV("transposed", "(4, 5, 3)",
         "Conv2DTranspose(9, 3, strides=2, activation='relu'), Conv2DTranspose(5, 2, "
         "padding='same', "
         "strides=(1, 2)), Conv2DTranspose(17, 4, strides=3, padding='same', use_bias=False)",
         3),
    CONV("transposed_gap", "(3, 4, 8)",
         "Conv2DTranspose(33, 1, strides=2, activation='tanh'), Conv2DTranspose(8, 3, "
         "dilation_rate=2, padding='same')",
         4),
    /* pooling, behind a convolution or alone */
    CONV("max_fused", "(10, 10, 3)", "Conv2D(8, 3, activation='relu'), MaxPooling2D(2)", 5),
    CONV("max_fused_wide", "(9, 14, 3)", "Conv2D(33, 2, activation='tanh'), MaxPooling2D((2, 3))",
         3),
    CONV("max_fused_cut", "(12, 10, 2)", "Conv2D(5, 2, activation='relu'), MaxPooling2D(2)", 4),
    CONV("max_fused_large", "(17, 17, 3)", "Conv2D(16, 2), MaxPooling2D(4)", 2),
    CONV("max_overlap", "(9, 8, 5)", "MaxPooling2D(3, strides=1), Conv2D(4, 2)", 3),
    CONV("max_same", "(8, 9, 17)",
         "Conv2D(17, 2, activation='relu'), MaxPooling2D(3, strides=2, padding='same')", 4),
    CONV("max_gap", "(11, 11, 3)", "Conv2D(9, 2), MaxPooling2D(2, strides=3)", 3),
    CONV("max_one", "(4, 4, 9)", "Conv2D(4, 1), MaxPooling2D(4)", 3),
    CONV("avg", "(9, 8, 8)", "Conv2D(6, 2, activation='tanh'), AveragePooling2D(2)", 4),
    CONV("avg_overlap", "(9, 8, 3)", "Conv2D(9, 2), AveragePooling2D(3, strides=2, padding='same')",
         4),
    CONV("avg_same", "(7, 7, 4)",
         "Conv2D(33, 1, activation='sigmoid'), AveragePooling2D((2, 3), strides=1, padding='same')",
         2),
    CONV("avg_gap", "(10, 11, 3)", "Conv2D(8, 2), AveragePooling2D((1, 2), strides=(2, 3))", 3),
    {"global", "(5, 6, 3)",
     "Conv2D(17, 3, activation='relu'), GlobalAveragePooling2D(), " SOFTMAX(4), NULL, 7, 0.0},
    {"global_direct", "(4, 3, 10)", "Conv2D(65, 2), GlobalAveragePooling2D(), " SOFTMAX(3), NULL, 5,
     0.0},
    /* dense layers */
    {"dense1", "(1,)", "Dense(1), Dense(2, activation='relu'), " SOFTMAX(2), NULL, 5, 0.0},
    {"dense5", "(5,)", "Dense(5, activation='tanh'), Dense(9, activation='sigmoid'), " SOFTMAX(3),
     NULL, 17, 0.0},
    {"dense33", "(31,)", "Dense(33, activation='relu'), Dense(17, activation='relu'), " SOFTMAX(16),
     NULL, 32, 0.0},
    {"dense65", "(64,)", "Dense(65, activation='relu'), Dense(64), " SOFTMAX(65), NULL, 13, 0.0},
    {"dense513", "(513,)", "Dense(513, activation='tanh', use_bias=False), " SOFTMAX(8), NULL, 6,
     0.0},
    {"dense_map", "(4, 3, 5)",
     "Dense(9, activation='relu'), Dense(33, activation='tanh'), Dense(4), " HEAD(3), NULL, 4, 0.0},
    {"dense_rows", "(7, 6)", "Dense(17, activation='sigmoid'), " HEAD(5), NULL, 5, 0.0},
    {"batch1", "(6, 6, 3)", "Conv2D(9, 3, activation='relu'), " HEAD(4), NULL, 1, 0.0},
    /* normalisation, dropout, activations of their own */
    {"norm", "(6, 5, 3)",
     "Conv2D(17, 3, use_bias=False), BatchNormalization(), ReLU(), Conv2D(8, 2), "
     "BatchNormalization(epsilon=0.01, momentum=0.7), Activation('tanh'), " HEAD(3),
     NULL, 9, 0.0},
    {"norm_first", "(5, 5, 5)",
     "BatchNormalization(), Conv2D(33, 3, padding='same', activation='relu'), "
     "BatchNormalization(scale=False), " HEAD(3),
     NULL, 6, 0.0},
    /* one sample has no variance: differences of rounding grow by 1 / sqrt(epsilon) */
    {"norm_dense", "(20,)",
     "Dense(65), BatchNormalization(), Activation('sigmoid'), Dense(5), "
     "BatchNormalization(center=False), " SOFTMAX(4),
     NULL, 12, 5e-4},
    {"dropout", "(6, 6, 5)",
     "Conv2D(9, 3, activation='relu'), Dropout(0.4), Flatten(), Dropout(0.2), Dense(33), "
     "Dropout(0.5), " SOFTMAX(4),
     NULL, 6, 0.0},
    {"activations", "(4, 5, 3)",
     "ReLU(), Conv2D(5, 2), Activation('sigmoid'), ReLU(), Activation('tanh'), " HEAD(3), NULL, 4,
     0.0},
    /* operations of any rank and their gradients */
    {"any_activations", "(4, 5, 3)",
     "Conv2D(9, 2, activation='gelu'), Dense(8, activation='silu'), Activation('mish'), Conv2D(5, "
     "2, "
     "activation='elu'), Activation('softplus'), Activation('softsign'), " HEAD(3),
     NULL, 4, 0.0},
    {"any_norm", "(4, 6, 5)",
     "keras.layers.LayerNormalization(), Conv2D(18, 2, activation='hard_sigmoid'), "
     "keras.layers.GroupNormalization(groups=3), Activation('selu'), " HEAD(3),
     NULL, 5, 2e-4},
    {"any_moves", "(4, 6, 3)",
     "keras.layers.UpSampling2D(2, interpolation='bilinear'), keras.layers.Cropping2D(1), "
     "keras.layers.Permute((3, 1, 2)), keras.layers.UpSampling2D(2), Conv2D(5, 2), "
     "keras.layers.GlobalMaxPooling2D(), " SOFTMAX(4),
     NULL, 3, 0.0},
    /* losses */
    {"logits", "(9,)", "Dense(17, activation='tanh'), Dense(5), ",
     "optimizer='sgd', loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), "
     "metrics=['accuracy']",
     7, 0.0},
    {"binary", "(9,)", "Dense(8, activation='relu'), Dense(3, activation='sigmoid'), ",
     "optimizer='sgd', loss='binary_crossentropy', metrics=['binary_accuracy']", 7, 0.0},
    {"binary_logits", "(9,)", "Dense(8, activation='relu'), Dense(1), ",
     "optimizer='sgd', loss=keras.losses.BinaryCrossentropy(from_logits=True)", 7, 0.0},
    {"squares", "(9,)", "Dense(8, activation='relu'), Dense(6), ", "optimizer='sgd', loss='mse'", 7,
     0.0},
    {"squares_map", "(5, 4, 3)", "Conv2D(9, 2, activation='relu'), Conv2D(5, 2), ",
     "optimizer='sgd', loss='mse'", 4, 0.0},
    {"softmax_alone", "(9,)", "Dense(6, activation='softmax'), Dense(3), ",
     "optimizer='sgd', loss='mse'", 4, 0.0},
    /* Winograd: odd and even maps, with and without padding, tails of channels */
    {"winograd", "(7, 8, 3)",
     "Conv2D(64, 2, activation='relu'), Conv2D(65, 3, activation='relu'), Conv2D(80, 3, "
     "padding='same'), " HEAD(3),
     NULL, 5, 2e-4},
    {"winograd_odd", "(5, 5, 64)",
     "Conv2D(96, 3, padding='same', activation='tanh'), Conv2D(64, 3), ReLU(), " HEAD(3), NULL, 3,
     2e-4},
    {"winograd_norm", "(6, 9, 65)",
     "Conv2D(72, 3, use_bias=False), BatchNormalization(), ReLU(), Conv2D(129, 3, "
     "padding='same', use_bias=False), " HEAD(3),
     NULL, 2, 2e-4},
    /* 5x5: odd and even maps, few channels, pooling after it, groups of channels */
    {"winograd_5x5", "(12, 13, 1)",
     "Conv2D(6, 2, activation='tanh'), Conv2D(16, 5, activation='tanh'), Conv2D(65, 5, "
     "padding='same', activation='tanh'), " HEAD(3),
     NULL, 5, 2e-4},
    {"winograd_5x5_pool", "(9, 11, 24)",
     "Conv2D(64, 5, groups=2, padding='same', use_bias=False), Conv2D(96, 5, padding='same', "
     "activation='relu'), MaxPooling2D(2), " HEAD(3),
     NULL, 3, 2e-4},
    GRAPH("winograd_5x5_sum", "(8, 7, 32)",
          "y = Conv2D(48, 5, padding='same', activation='tanh')(x)\n"
          "x = Add()([Conv2D(33, 5, padding='same')(y), Conv2D(33, 1)(x)])\n",
          4, 2e-4),
    /* tiles over several rows of a kernel; a kernel that meets the image once */
    {"whole_image", "(12, 10, 1)",
     "Conv2D(6, 5, activation='tanh'), Conv2D(16, 3, strides=2, activation='tanh'), Conv2D(41, (3, "
     "2), activation='tanh'), " HEAD(3),
     NULL, 13, 0.0},
    {"short_runs", "(9, 8, 2)",
     "Conv2D(33, (4, 3), padding='same'), BatchNormalization(), ReLU(), " HEAD(3), NULL, 6, 1e-4},
    /* input gradients of few channels: 4 and 8, rests of a vector, strides, padding, an addend */
    {"narrow", "(13, 12, 2)",
     "Conv2D(3, 2, activation='tanh'), Conv2D(64, 3, activation='tanh'), Conv2D(7, 2), "
     "Conv2D(66, (2, 5), strides=2, padding='same'), Conv2D(4, 1), Conv2D(65, (1, 2)), " HEAD(3),
     NULL, 5, 1e-4},
    GRAPH("narrow_sum", "(7, 9, 3)",
          "x = Conv2D(4, 2, activation='tanh')(x)\n"
          "y = Conv2D(64, (2, 7), padding='same', activation='tanh')(x)\n"
          "z = Conv2D(64, (1, 3), padding='same')(x)\n"
          "x = Conv2D(6, 2, activation='tanh')(Add()([y, z]))\n"
          "y = Conv2D(70, 2, activation='tanh')(x)\n"
          "x = Add()([y, Conv2D(70, 2)(x)])\n",
          4, 1e-4),
    /* tiles of 4 and of 2; enough tiles that jobs transform their own, no ReLU that rounding could
     * switch; inputs a block at a time */
    {"winograd_blocks", "(29, 31, 3)",
     "Conv2D(16, 3, activation='tanh'), Conv2D(17, 3, padding='same', activation='tanh'), "
     "Conv2D(64, 3, padding='same', use_bias=False), Conv2D(96, 3, activation='tanh'), "
     "Conv2D(64, 3, strides=3), Conv2D(90, 3, padding='same', activation='tanh'), " HEAD(3),
     NULL, 9, 2e-4},
    {"winograd_small", "(4, 6, 90)",
     "Conv2D(160, 3, activation='relu'), Conv2D(32, 3, padding='same'), ReLU(), " HEAD(3), NULL, 5,
     2e-4},
    /* homes: images with zeros around them, sums in the addend's place, parts of concatenations */
    GRAPH("halo", "(9, 10, 3)",
          "x = Conv2D(17, 3, padding='same', activation='relu')(x)\n"
          "y = Conv2D(9, 5, padding='same')(x)\n"
          "x = Conv2D(9, (1, 3), strides=2, padding='same')(x)\n"
          "y = DepthwiseConv2D(3, strides=2, padding='same')(y)\n"
          "x = Conv2D(33, 2, padding='same')(Add()([x, y]))\n",
          4, 0.0),
    GRAPH("residual", "(8, 7, 3)",
          "x = Conv2D(16, 3, padding='same', activation='relu')(x)\n"
          "y = Conv2D(16, 3, padding='same', activation='relu')(x)\n"
          "y = Conv2D(16, 3, padding='same')(y)\n"
          "x = Activation('relu')(Add()([x, y]))\n"
          "z = Conv2D(33, 1, strides=2)(x)\n"
          "y = Conv2D(33, 3, strides=2, padding='same', use_bias=False)(x)\n"
          "x = Activation('tanh')(Add()([y, z]))\n"
          "x = Add()([Conv2D(33, 3, padding='same')(x), x])\n"
          "y = Conv2D(33, 1)(x)\n"
          "x = Conv2D(9, 2)(Add()([x, Activation('relu')(Add()([x, y]))]))\n",
          3, 0.0),
    GRAPH("residual_norm", "(9, 8, 3)",
          "x = Activation('tanh')(BatchNormalization()(Conv2D(16, 3, padding='same')(x)))\n"
          "for stride in [1, 2]:\n"
          "    y = BatchNormalization()(Conv2D(16, 3, strides=stride, padding='same')(x))\n"
          "    y = BatchNormalization()(Conv2D(16, 3, padding='same')(Activation('tanh')(y)))\n"
          "    if stride > 1:\n"
          "        x = BatchNormalization()(Conv2D(16, 1, strides=stride)(x))\n"
          "    x = Activation('tanh')(Add()([x, y]))\n",
          5, 2e-4),
    GRAPH("residual_input", "(6, 5, 8)",
          "y = Conv2D(8, 3, padding='same')(x)\n"
          "x = Add()([x, y])\n"
          "x = Add()([Conv2D(8, 3, padding='same')(x), Conv2D(8, 1)(x)])\n",
          3, 0.0),
    /* chains around depthwise convolutions of large images: all three of its convolutions, with an
     * addend, without the last one, without the first one */
    GRAPH("chain", "(128, 132, 3)",
          "x = Conv2D(64, 3, strides=2, padding='same', activation='relu')(x)\n"
          "x = DepthwiseConv2D(3, padding='same')(x)\n"
          "x = Conv2D(8, 1, use_bias=False)(x)\n"
          "y = Conv2D(68, 1, activation='relu')(x)\n"
          "y = DepthwiseConv2D(5, padding='same', activation='relu', use_bias=False)(y)\n"
          "x = Add()([x, Conv2D(8, 1)(y)])\n"
          "x = DepthwiseConv2D(3, strides=2)(Conv2D(65, 1)(x))\n"
          "x = MaxPooling2D(2)(x)\n",
          2, 0.0),
    CONV("chain_behind", "(65, 64, 64)",
         "DepthwiseConv2D(3, strides=2, padding='same'), Conv2D(17, 1, activation='tanh'), "
         "MaxPooling2D(4)",
         2),
    GRAPH("dense_block", "(7, 6, 3)",
          "x = Conv2D(16, 3, padding='same')(x)\n"
          "for i in range(3):\n"
          "    y = ReLU()(BatchNormalization()(x))\n"
          "    y = Conv2D(32, 1, use_bias=False)(y)\n"
          "    y = ReLU()(BatchNormalization()(y))\n"
          "    y = Conv2D(16, 3, padding='same', use_bias=False)(y)\n"
          "    x = Concatenate()([x, y])\n"
          "x = AveragePooling2D(2)(Conv2D(24, 1)(ReLU()(BatchNormalization()(x))))\n",
          4, 1e-4),
    GRAPH("inception", "(8, 9, 4)",
          "x = Conv2D(16, 3, padding='same', activation='relu')(x)\n"
          "for i in range(2):\n"
          "    a = Conv2D(16, 1, activation='relu')(x)\n"
          "    b = Conv2D(32, 3, padding='same', activation='relu')(Conv2D(9, 1)(x))\n"
          "    c = Conv2D(16, (1, 5), padding='same')(a)\n"
          "    d = MaxPooling2D(3, strides=1, padding='same')(x)\n"
          "    x = Concatenate()([a, b, Conv2D(16, 1)(d), d, c])\n"
          "x = Concatenate()([MaxPooling2D(2)(x), AveragePooling2D(2)(x), Conv2D(16, 2, "
          "strides=2)(x)])\n"
          "x = Concatenate()([Conv2D(9, 1)(x), Conv2D(7, 2, padding='same')(x)])\n",
          2, 0.0),
    {0}};

/* The lines that make `model`. */
static const char *model_text(const Net *n) {
    static char text[2048];
    if (strchr(n->layers, '\n'))
        snprintf(text, sizeof text,
                 "x = inputs = Input(shape=%s)\n%smodel = keras.Model(inputs, x)\n", n->shape,
                 n->layers);
    else
        snprintf(text, sizeof text, "model = Sequential([Input(shape=%s), %s])\n", n->shape,
                 n->layers);
    return text;
}

const char *net_script(const Net *n) {
    static char text[3072];
    snprintf(
        text, sizeof text,
        "import keras\nfrom keras import Sequential\n"
        "from keras.layers import Activation, Add, AveragePooling2D, Concatenate, "
        "BatchNormalization, Conv2D, "
        "Conv2DTranspose, Dense, DepthwiseConv2D, Dropout, Flatten, GlobalAveragePooling2D, Input, "
        "MaxPooling2D, ReLU, SeparableConv2D, ZeroPadding2D\n"
        "%smodel.compile(%s)\n",
        model_text(n),
        n->compile ? n->compile
                   : "optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9), "
                     "loss='sparse_categorical_crossentropy', metrics=['accuracy']");
    return text;
}

const char *net_file(const Net *n, const char *kind, const char *target) {
    static char text[128];
    snprintf(text, sizeof text, "%s_%s_%s", n->name, kind, target);
    return text;
}
