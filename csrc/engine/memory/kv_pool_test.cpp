#include "engine/memory/kv_pool.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace po {
namespace {

// A real model in 512 cells, four running sequences at most.
class KvPoolTest : public testing::Test {
  protected:
    void SetUp() override {
        const char * path = std::getenv("PYOLLAMA_TEST_GGUF");
        if (path == nullptr) {
            GTEST_SKIP() << "PYOLLAMA_TEST_GGUF names no model";
        }
        LoadSpec spec;
        spec.files = {path};
        spec.n_cells = 512;
        spec.n_seq_max = 4;
        spec.n_batch = 64;
        ASSERT_TRUE(threads_.start(1, 1));
        ASSERT_TRUE(Model::load(spec, [](float) { return true; }, model_));
        ASSERT_TRUE(Context::open_generator(*model_, spec, spec.n_cells, threads_, board_, context_));
        pool_ = std::make_unique<KvPool>(*context_, *model_, running_limit(*model_, spec));
    }

    // Computes n tokens at the end of seq and returns the logits after the last.
    std::vector<float> compute(SeqId seq, Pos n, Token first = 100) {
        context_->clear_batch();
        const Pos begin = pool_->cells().length(seq);
        for (Pos i = 0; i < n; ++i) {
            context_->add(first + (begin + i) % 50, begin + i, seq, i + 1 == n);
        }
        EXPECT_EQ(context_->decode(), 0);
        pool_->stored(seq, n);
        const float * logits = llama_get_logits_ith(context_->raw(), n - 1);
        return {logits, logits + model_->n_vocab()};
    }

    ThreadPools threads_;
    CancelBoard board_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<KvPool> pool_;
};

TEST_F(KvPoolTest, ASavedSequenceGoesOnExactlyWhereItWas) {
    const SeqId seq = pool_->open();
    compute(seq, 40);
    const SeqId idle = pool_->copy(seq);
    const std::vector<float> expected = compute(seq, 1);

    const SeqId again = pool_->open();
    pool_->fork(idle, again, 40);
    std::vector<uint8_t> state;
    ASSERT_TRUE(pool_->save(again, state));
    const SeqId restored = pool_->open();
    ASSERT_TRUE(pool_->restore(restored, state, 40));

    EXPECT_FALSE(pool_->cells().shares(restored, 0));
    EXPECT_EQ(compute(restored, 1), expected);
}

TEST_F(KvPoolTest, AForkAnswersAsTheWhole) {
    const SeqId whole = pool_->open();
    const std::vector<float> expected = compute(whole, 50);
    const SeqId fork = pool_->open();
    pool_->fork(whole, fork, 30);

    const std::vector<float> got = compute(fork, 20);

    for (size_t i = 0; i < got.size(); i += 997) {
        EXPECT_NEAR(got[i], expected[i], 0.3) << i;
    }
    EXPECT_EQ(pool_->cells().free(), 512 - 70);
}

TEST_F(KvPoolTest, CountsAgreeWithTheLibrary) {
    const SeqId a = pool_->open();
    compute(a, 60);
    const SeqId b = pool_->open();
    pool_->fork(a, b, 20);
    pool_->cut(a, 5);
    pool_->shift(b, 2, 5);

    EXPECT_EQ(pool_->verify(a), 5);
    EXPECT_EQ(pool_->verify(b), 15);
    EXPECT_EQ(pool_->cells().free(), 512 - 5 - 13) << "the first two tokens of b are a's as well";
    pool_->drop(a);
    pool_->drop(b);
    EXPECT_EQ(pool_->cells().free(), 512);
}

TEST_F(KvPoolTest, AStateOfAnotherLengthIsRefusedAndLeavesNothing) {
    const SeqId seq = pool_->open();
    compute(seq, 10);
    std::vector<uint8_t> state;
    ASSERT_TRUE(pool_->save(seq, state));
    const SeqId other = pool_->open();

    EXPECT_FALSE(pool_->restore(other, state, 11));
    EXPECT_EQ(pool_->cells().free(), 512);
    state.resize(state.size() / 2);
    EXPECT_FALSE(pool_->restore(other, state, 10));
    EXPECT_EQ(pool_->verify(other), 0);
}

}  // namespace
}  // namespace po
