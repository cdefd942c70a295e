"""The frame of the page of claims in Vietnamese."""

from __future__ import annotations

from saddlepoint.reporting.strings.words import Strings

STRINGS = Strings(
    title="Bài giảng, từng luận điểm một",
    about=(
        "Mỗi luận điểm của bài giảng được kiểm tra riêng: chỉ thay đổi một yếu tố, mọi yếu tố khác "
        "giữ nguyên. Kết luận được rút ra theo một quy tắc đã định trước khi chạy, và có thể bác "
        "bỏ luận điểm. Các seed: {seeds}; {budget:g} phút cho mỗi luận điểm trên hai nhân CPU."
    ),
    method=(
        "Mỗi con số là trung bình trên các seed, kèm khoảng tin cậy 90 % (phân phối Student). Một "
        "phần được coi là quan sát thấy, hay là ngược lại, chỉ khi toàn bộ khoảng tin cậy nằm quá "
        "ngưỡng tương ứng; là không quan sát thấy khi toàn bộ khoảng tin cậy chưa tới ngưỡng; nếu "
        "không thì ngân sách tính toán này chưa đủ để kết luận. Một luận điểm được coi là quan sát "
        "thấy khi mọi phần của nó đều được quan sát thấy."
    ),
    outcomes={
        "seen": "quan sát thấy",
        "not-seen": "không quan sát thấy",
        "opposite": "ngược lại",
        "not-settled": "chưa thể kết luận với ngân sách này",
    },
    chapters={
        "gan": "GAN",
        "minimax": "Minimax",
        "failures": "Các dạng thất bại",
        "dcgan": "DCGAN",
        "wgan": "WGAN và WGAN-GP",
        "cgan": "CGAN",
        "measures": "Các độ đo",
    },
    all_claims="Tất cả các luận điểm",
    claim="Luận điểm",
    verdict="Kết luận",
    number="Con số",
    measured="Đại lượng đo",
    rule="Quy tắc",
    varied="Yếu tố thay đổi",
    held="Yếu tố giữ nguyên",
    reads="Cách đọc kết quả",
    settings="Thiết lập, dữ liệu và thời gian",
    data="Dữ liệu",
    no_data="được tạo tại chỗ",
    seeds="Seed",
    seconds="Số giây tính toán, mọi seed",
    exact="tính trực tiếp, không huấn luyện",
    one_seed="một seed thì không có khoảng tin cậy",
    no_number="không có con số: có lần chạy thất bại, hoặc chưa học đủ để so sánh",
    no_ratio="không có tỉ số: có giá trị bằng 0 hoặc âm",
    seen_from="quan sát thấy khi từ {seen} trở lên",
    seen_to="quan sát thấy khi không quá {seen}",
    opposite_from="ngược lại khi từ {opposite} trở lên",
    opposite_to="ngược lại khi không quá {opposite}",
    else_seen="nếu không thì không quan sát thấy",
    else_both="còn lại là không quan sát thấy",
    command="Tự kiểm tra",
    failed="Không kiểm tra được luận điểm này: {reason}",
    not_tried="chưa kiểm tra",
)
