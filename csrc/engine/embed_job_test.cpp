#include "engine/embed_job.hpp"

#include <gtest/gtest.h>

namespace po {
namespace {

EmbedJob job(ReqId id, int texts, int rows, int64_t served) {
    EmbedJob made;
    made.spec.id = id;
    made.inputs.assign(static_cast<size_t>(texts), Tokens(static_cast<size_t>(rows), 1));
    made.rows_left = int64_t{texts} * rows;
    made.served = served;
    return made;
}

// The ids whose texts the next batches get, one text after the other.
std::vector<ReqId> turns(std::deque<EmbedJob> & jobs, int n) {
    std::vector<ReqId> ids;
    for (; n > 0 && pick_job(jobs) < jobs.size(); --n) {
        EmbedJob & taken = jobs[pick_job(jobs)];
        const auto rows = static_cast<int64_t>(taken.inputs[taken.next++].size());
        taken.served += rows;
        taken.rows_left -= rows;
        ids.push_back(taken.spec.id);
    }
    return ids;
}

TEST(EmbedJob, OneTextGoesBeforeThousands) {
    std::deque<EmbedJob> jobs{job(1, 4000, 10, 500)};
    jobs.push_back(job(2, 1, 10, served_least(jobs)));
    EXPECT_EQ(turns(jobs, 3), (std::vector<ReqId>{2, 1, 1}));
}

TEST(EmbedJob, RequestsShareRowsNotTexts) {
    std::deque<EmbedJob> jobs{job(1, 9, 30, 0), job(2, 9, 10, 0)};
    EXPECT_EQ(turns(jobs, 8), (std::vector<ReqId>{2, 1, 2, 2, 2, 1, 2, 2}));
}

TEST(EmbedJob, ThousandsAreNotStarvedBySingleTexts) {
    std::deque<EmbedJob> jobs{job(1, 4000, 10, 0)};
    int64_t large = 0;
    for (ReqId id = 2; id < 100; ++id) {
        jobs.push_back(job(id, 1, 10, served_least(jobs)));
        for (const ReqId turn : turns(jobs, 2)) {
            large += turn == 1;
        }
    }
    EXPECT_GT(large, 90);
}

TEST(EmbedJob, WhoFailedOrHasNoTextsLeftGetsNoTurn) {
    std::deque<EmbedJob> jobs{job(1, 0, 10, 0), job(2, 5, 10, 0)};
    jobs[1].failure = Status::error(Code::bad_request, "x");
    EXPECT_EQ(pick_job(jobs), jobs.size());
}

}  // namespace
}  // namespace po
